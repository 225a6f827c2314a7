"""The questions: one function a check, which raises `Failed` with what is wrong; files are named as families of ids."""
