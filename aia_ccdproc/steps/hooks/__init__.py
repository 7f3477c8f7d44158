"""The core's implementations of its steps: one module, and one entry point, for each step.

The module that does the work is imported when an image is processed. It imports astropy, which takes half a second.
Neither listings, nor the check of a recipe, nor the plan of a batch need it.
"""
