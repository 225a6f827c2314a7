"""The program in this process, and what its commands are given to show."""
