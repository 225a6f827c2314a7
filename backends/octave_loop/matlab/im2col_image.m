function columns = im2col_image(image, g)
% (H, W, C) -> L x K: a window is a row, its taps column-major (kh fastest, then kw, then c), positions too.
% The transpose of what the name says: so every tap fills one piece of memory, and W goes to the right of it.
  padded = pad_image(image, g);
  columns = zeros(g.OH, g.OW, g.KH, g.KW, g.C, class(image));
  [rows, cols] = read_by_taps(g);
  for v = 1:g.KW
    for u = 1:g.KH
      columns(:, :, u, v, :) = padded(rows(u, :), cols(v, :), :);
    end
  end
  columns = reshape(columns, g.OH * g.OW, g.KH * g.KW * g.C);
end
