"""The clauses of the contract: form, memory, what is not finite, several calls, what was called before, pooling."""
