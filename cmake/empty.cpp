// The shared library is made of the modules alone; a target needs a source.
