package shop

import "testing"

func TestAdds(t *testing.T) { t.Error("the shop adds wrongly") }
