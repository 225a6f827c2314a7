"""The asv suite. asv imports this folder as the package `benchmarks`; nothing heavy may be imported here."""
