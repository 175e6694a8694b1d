"""One file per setup: one SETUP, a named confluence with a story. Found by walking this folder."""
