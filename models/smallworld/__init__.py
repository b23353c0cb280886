"""Small World: a text-to-image model of some megabytes, trained on procedurally drawn pictures.

Three groups of modules, so that an endpoint needs only the first:

- inference (onnxruntime, numpy, Pillow): ``inference``, ``request``, ``response``, ``sample``, ``upscale``,
  ``schedule``, ``prompt``, ``palette``, ``pictures``
- packaging (standard library): ``bundle``
- training (torch), and the pictures and measures that it needs (numpy, Pillow): ``training``
"""
