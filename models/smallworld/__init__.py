"""Small World: a text-to-image model of a few megabytes, trained on procedurally drawn pictures.

Three groups of modules, so that an endpoint needs only the first:

- inference (onnxruntime, numpy, Pillow): ``tokenizer``, ``sample``, ``upscale``, ``request``, ``inference``
- packaging (standard library): ``bundle``
- training (torch): ``palette``, ``shapes``, ``landscapes``, ``drawing``, ``model``, ``train``, ``export``, ``score``
"""
