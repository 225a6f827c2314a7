"""Models of mistakes: what a backend that makes one gives, as a function, a sentence that says it and a mend."""
