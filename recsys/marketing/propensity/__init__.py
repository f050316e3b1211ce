"""What users will do: asked, learned, judged, explained."""
