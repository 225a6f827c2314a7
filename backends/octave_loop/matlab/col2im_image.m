function image = col2im_image(columns, g)
% L x K -> (H, W, C): every tap is added to the pixels that it read; windows overlap.
% Pixels that no window reads, as beyond the last whole stride, stay zero.
  columns = reshape(columns, g.OH, g.OW, g.KH, g.KW, g.C);
  padded = zeros(g.PH, g.PW, g.C, class(columns));
  [rows, cols] = read_by_taps(g);
  for v = 1:g.KW
    for u = 1:g.KH
      tap = reshape(columns(:, :, u, v, :), g.OH, g.OW, g.C);
      padded(rows(u, :), cols(v, :), :) = padded(rows(u, :), cols(v, :), :) + tap;
    end
  end
  image = crop_image(padded, g);
end
