// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Testing;


/// <summary>Of the commands that only tests have.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(int))]
internal sealed partial class CountJson : System.Text.Json.Serialization.JsonSerializerContext;
