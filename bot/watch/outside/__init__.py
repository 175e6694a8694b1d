"""Who watches from outside: a supervisor of this machine that is told, and a monitor elsewhere that is called."""
