"""One file per metric: one METRIC, one compute(). Found by walking this folder."""
