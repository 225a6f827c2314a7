"""An explanation as tests read it: by the titles of its sections and the kinds of what stands in them."""
