"""How well a key answers a query: the score functions of attention, a file each.

A score compares queries and keys that are equally wide: it is made of that `width`, of `coverage`, whether it knows
how much attention each key was paid before, and of `heads`, of which each has weights of its own. `forward(query,
keys, coverage)`: [... queries width], [... keys width], [... queries keys] or None -> [... queries keys]. It says what
is projected for it: `projects_query`, `projects_keys` (which are projected too where they have another width than
queries), `key_bias`; and `is_product`, whether all of it is one product of matrices, so that a few keys more cost
little.
"""
