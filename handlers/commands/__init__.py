"""One file per subject; each command is one function. Found by walking this folder."""
