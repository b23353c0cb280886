"""The program that draws the training pictures and captions them: `drawing` is its face.

The released weights, the judge and the scored prompts depend on every random draw here: a change of one, even of the
order of two, makes all of them describe another world.
"""
