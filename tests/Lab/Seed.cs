// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security.Cryptography;

namespace Capbox.Testing;

/// <summary>
/// Where random tests begin. By default always at the same place, with few cases. The release tier sets <c>CAPBOX_SEED</c> to <c>new</c> or to a number: then every
/// test has all its cases, and the seed is printed, so that a run can be had again. A seed that fails becomes a fixed case.
/// </summary>
internal static class Seed
{
    private const ulong Fixed = 1;
    private static readonly string? s_wanted = Environment.GetEnvironmentVariable("CAPBOX_SEED") is { Length: > 0 } text ? text : null;

    /// <summary>True: the release tier, in which tests have all their cases.</summary>
    public static bool IsRelease => s_wanted is not null;

    public static ulong Value { get; } = Choose();

    /// <summary>How many cases a test has: few, or all in the release tier.</summary>
    public static int Cases(int few, int all) => IsRelease ? all : few;

    /// <summary>A generator for a test that draws by itself.</summary>
    /// <param name="salt">Makes it differ from that of other tests.</param>
    public static Random Random(int salt) => new(unchecked((int)Value + (salt * 397)));

    private static ulong Choose()
    {
        if (s_wanted is null)
            return Fixed;
        ulong value = s_wanted == "new" ? BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4)) : ulong.Parse(s_wanted, CultureInfo.InvariantCulture);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"CAPBOX_SEED={value}"));
        return value;
    }
}
