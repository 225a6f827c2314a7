function image = crop_image(padded, g)
% (PH, PW, C) -> (H, W, C): the padding that there is comes off, be it none, one or unequal.
  image = padded(g.top + (1:g.H), g.left + (1:g.W), :);
end
