"""Everything of the knowledge base that runs: recipes, the lab that runs them, and the diagnosis."""
