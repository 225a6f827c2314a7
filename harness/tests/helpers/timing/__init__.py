"""Time, children and backends that do what a test says, for tests of measuring that neither wait nor guess."""
