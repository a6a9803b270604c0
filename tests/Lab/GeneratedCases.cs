// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using CsCheck;

namespace Capbox.Testing;

/// <summary>Runs a check over generated cases, the same ones for one seed. CsCheck's own loop takes a seed for its first case only and draws the others by time.</summary>
internal static class GeneratedCases
{
    private const int Default = 100;

    /// <param name="gen">What makes a case.</param>
    /// <param name="check">Throws where the case is not as it must be.</param>
    /// <param name="cases">How many, by default.</param>
    /// <param name="all">How many in the release tier; 0: ten times as many.</param>
    public static void ForAll<T>(this Gen<T> gen, Action<T> check, int cases = Default, int all = 0)
    {
        int count = Seed.Cases(cases, all > 0 ? all : cases * 10);
        for (int i = 0; i < count; i++)
        {
            var random = new PCG((uint)i, Seed.Value);
            string state = random.ToString(random.State);
            T value = gen.Generate(random, null, out _);
            try
            {
                check(value);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"case {i} of CAPBOX_SEED={Seed.Value} (CsCheck seed {state}): {Check.Print(value)}: {e.Message}", e);
            }
        }
    }

    public static void ForAll<T1, T2>(this Gen<(T1, T2)> gen, Action<T1, T2> check, int cases = Default, int all = 0) =>
        gen.ForAll(v => check(v.Item1, v.Item2), cases, all);

    public static void ForAll<T1, T2, T3>(this Gen<(T1, T2, T3)> gen, Action<T1, T2, T3> check, int cases = Default, int all = 0) =>
        gen.ForAll(v => check(v.Item1, v.Item2, v.Item3), cases, all);

    public static void ForAll<T1, T2, T3, T4>(this Gen<(T1, T2, T3, T4)> gen, Action<T1, T2, T3, T4> check, int cases = Default, int all = 0) =>
        gen.ForAll(v => check(v.Item1, v.Item2, v.Item3, v.Item4), cases, all);

    public static void ForAll<T1, T2, T3, T4, T5, T6, T7>(this Gen<(T1, T2, T3, T4, T5, T6, T7)> gen, Action<T1, T2, T3, T4, T5, T6, T7> check, int cases = Default, int all = 0) =>
        gen.ForAll(v => check(v.Item1, v.Item2, v.Item3, v.Item4, v.Item5, v.Item6, v.Item7), cases, all);

    public static void ForAll<T1, T2, T3, T4, T5, T6, T7, T8>(
        this Gen<(T1, T2, T3, T4, T5, T6, T7, T8)> gen, Action<T1, T2, T3, T4, T5, T6, T7, T8> check, int cases = Default, int all = 0) =>
        gen.ForAll(v => check(v.Item1, v.Item2, v.Item3, v.Item4, v.Item5, v.Item6, v.Item7, v.Item8), cases, all);
}
