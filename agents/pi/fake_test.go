package pi

func fakePi([]string) int { return 1 }
