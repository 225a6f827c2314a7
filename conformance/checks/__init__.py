"""The questions: one function a check, which raises what is wrong."""
