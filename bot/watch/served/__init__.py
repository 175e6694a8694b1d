"""What others read of it: /healthz, /livez and /metrics, and the dashboard that is made of the same list."""
