"""From stored points to the rows that metrics read: grids, sums over venues, what is kept in memory."""
