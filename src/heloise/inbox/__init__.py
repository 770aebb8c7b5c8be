"""The caught mail: what `heloise dev` takes and sends nowhere."""
