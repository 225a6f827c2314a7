"""Plug-ins that are called as functions known from elsewhere are: files of names and arguments that are not ours."""
