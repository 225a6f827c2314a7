function y = average_pool(x, counts, g)
% (H, W, C, N) -> (OH, OW, C, N): the sum of every window / counts, one number or (OH, OW).
  y = zeros(g.OH, g.OW, g.C, g.N, class(x));
  [rows, cols] = read_by_taps(g);
  for n = 1:g.N
    padded = pad_image(x(:, :, :, n), g);
    total = zeros(g.OH, g.OW, g.C, class(x));
    for v = 1:g.KW
      for u = 1:g.KH
        total = total + padded(rows(u, :), cols(v, :), :);
      end
    end
    y(:, :, :, n) = total ./ counts;
  end
end
