"""What happens when. The only package that touches the world."""
