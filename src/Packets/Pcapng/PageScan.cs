// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Pcapng;

/// <summary>Distinguishes pages with data from pages that were never written.</summary>
internal static class PageScan
{
    private const int StepBytes = 1 << 20;

    /// <summary>Bytes of the pages between two offsets that hold anything but zeros.</summary>
    public static long DataBytes(SegmentFile file, long from, long end)
    {
        byte[] buffer = new byte[StepBytes];
        long data = 0;
        while (from < end)
        {
            int got = file.ReadSome(from, buffer.AsSpan(0, (int)Math.Min(StepBytes, end - from)));
            if (got == 0)
                break;
            for (int at = 0; at < got; at += Format.PageBytes)
            {
                ReadOnlySpan<byte> page = buffer.AsSpan(at, Math.Min(Format.PageBytes, got - at));
                data += page.ContainsAnyExcept((byte)0) ? page.Length : 0;
            }

            from += got;
        }

        return data;
    }
}
