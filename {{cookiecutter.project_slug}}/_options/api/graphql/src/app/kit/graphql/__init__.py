"""GraphQL: one schema of all modules' parts, executed within limits, and its persisted queries cached as REST's are."""
