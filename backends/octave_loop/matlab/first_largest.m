function [largest, tap] = first_largest(image, g)
% (H, W, C) -> twice (OH, OW, C): the largest pixel of every window, and which tap of 1 .. KH*KW, row by row, holds it.
% Padding is no pixel, so negative ones do not lose to its zeros; the first of equals counts; a NaN is the largest.
  padded = pad_image(image, g);
  pixels = pad_image(ones(g.H, g.W, g.C), g) == 1;
  largest = -Inf(g.OH, g.OW, g.C, class(image));
  tap = zeros(g.OH, g.OW, g.C);
  [rows, cols] = read_by_taps(g);
  for u = 1:g.KH
    for v = 1:g.KW
      window = padded(rows(u, :), cols(v, :), :);
      better = tap == 0 | window > largest | (isnan(window) & ~isnan(largest));
      better = better & pixels(rows(u, :), cols(v, :), :);
      largest(better) = window(better);
      tap(better) = (u - 1) * g.KW + v;
    end
  end
end
