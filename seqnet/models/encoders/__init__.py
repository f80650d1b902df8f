"""What turns one input into vectors: a file a kind of input.

An encoder is a module with `size` and `forward(values) -> [batch positions size]`, made of what is known of the input
(`space`), the width that the model wants (`size`, None = values as they are) and `std`, of weights at the beginning.
`reads` says which kinds of input it takes.
"""
