"""Links between accounts and identifiers, and between accounts: tables, weights, families."""
