function dx = average_pool_gradient(dout, counts, g)
% (OH, OW, C, N) -> (H, W, C, N): every tap of a window gets dout / counts, one number or (OH, OW).
  dx = zeros(g.H, g.W, g.C, g.N, class(dout));
  [rows, cols] = read_by_taps(g);
  for n = 1:g.N
    share = dout(:, :, :, n) ./ counts;
    padded = zeros(g.PH, g.PW, g.C, class(dout));
    for v = 1:g.KW
      for u = 1:g.KH
        padded(rows(u, :), cols(v, :), :) = padded(rows(u, :), cols(v, :), :) + share;
      end
    end
    dx(:, :, :, n) = crop_image(padded, g);
  end
end
