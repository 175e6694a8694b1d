"""What numbers, spans of time and the words for figures mean, whoever reads them."""
