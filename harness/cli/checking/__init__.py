"""What `harness check` says beside its table: causes in paragraphs, what failed the last time, what it watches."""
