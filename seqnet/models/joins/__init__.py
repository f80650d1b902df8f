"""What a recurrent model does with inputs that are not read step by step with the main one: a file a way.

A join is a module made of the `encoders` of its inputs (by name, each an `Encoder`), and of a `like`, the recurrent
layers that it is joined to.
"""
