"""The database itself, in a file or on a server: the store, the unit of work, named queries, moving between both."""
