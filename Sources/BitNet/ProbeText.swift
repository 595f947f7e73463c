/// The text whose loss tells a model that has learned English from one that has not. Written for this purpose, plain
/// words only, so that small models know them too.
package enum ProbeText {
  package static let english = """
    The old house stood at the end of the road, near the water. Every morning the children walked down to the river \
    with their father, who had worked there for many years. He showed them how to find the best place to sit, and how \
    to wait without making a sound. In the summer the days were long and warm, and they came home late, tired and \
    happy, with the light of the sun still on the hills. Their mother asked what they had seen, and each of them told \
    a different story. When the first snow fell, the water turned to ice, and the people of the town began to talk of \
    the spring that would come again.
    """
}
