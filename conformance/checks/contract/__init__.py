"""The clauses of the contract: form, memory, what is not finite, several calls, and what was called before."""
