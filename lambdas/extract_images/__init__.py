"""extract_images: turns what a text-to-image model answered into PNG files and a manifest."""
