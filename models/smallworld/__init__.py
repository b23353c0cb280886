"""Small World: a text-to-image model of some megabytes, trained on procedurally drawn pictures.

Three groups of modules, so that an endpoint needs only the first:

- inference (onnxruntime, numpy, Pillow): ``prompt``, ``schedule``, ``sample``, ``upscale``, ``request``, ``inference``
- packaging (standard library): ``bundle``
- pictures (Pillow): ``palette``, ``shapes``, ``landscapes``, ``canvas``, ``things``, ``painting``, ``styles``,
  ``drawing``
- training (torch): ``config``, ``model``, ``optimize``, ``train``, ``distill``, ``upsampler``, ``export``
- measuring: ``questions``, ``judge``, ``score``, ``sharpness``, ``curves``, ``sheet``
"""
