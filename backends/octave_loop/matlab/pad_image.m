function padded = pad_image(image, g)
% (H, W, C) -> (PH, PW, C), zeros around it.
  if g.PH == g.H && g.PW == g.W
    padded = image;
    return
  end
  padded = zeros(g.PH, g.PW, g.C, class(image));
  padded(g.top + (1:g.H), g.left + (1:g.W), :) = image;
end
