"""Real processes under load while they are killed, frozen and cut off at random: what is lost, what is doubled?"""
