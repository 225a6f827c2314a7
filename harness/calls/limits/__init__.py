"""What a call may take of the machine: seconds, threads and memory."""
