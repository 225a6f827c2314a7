"""What a user's pyproject.toml says in `[tool.im2col-harness]`, where the command line says nothing."""
